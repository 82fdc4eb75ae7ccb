"""What requests may say and answers hold: declarations, their reader, and the descriptions made from them."""
