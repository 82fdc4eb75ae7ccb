"""What makes history provable: checking it, explaining it, signing it, and proving what it owes to whom.

An audit only reads. It runs beside a running exchange, from the log and the journal, believes nothing that it can
compute again, and names the first thing that is not as it should be: where, at which id, what was expected and what
was found. What it signs is for people who keep it elsewhere: a chain hash proves nothing to somebody who has no older
one to compare.
"""
