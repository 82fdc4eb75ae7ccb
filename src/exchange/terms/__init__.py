"""The words that both vocabularies share: stream ids, amounts, order words, refusal codes.

Pure and without dependencies: `commands`, `events` and `engine` import it, it imports nothing of the house.
"""
