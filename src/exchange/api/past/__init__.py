"""What has passed: the database's rows joined with what the view has seen since."""
