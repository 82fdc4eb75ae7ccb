"""A whole exchange in real processes, broken on purpose under load; then its books are balanced against what was told.

    make chaos [MINUTES=2] [SEED=…]        python -m tests.chaos --minutes 60 --seed 7

The idea: clients keep a diary (`told`), the log says what happened (`record`), and only when both lie on the table is
anything judged (`judge`). No process is asked whether it is well; its books are.

| room        | what is in it                                                                     |
|-------------|-----------------------------------------------------------------------------------|
| `told`      | what each client asked for and every answer it had                                |
| `traders`   | the clients, placing, cancelling and amending over the public API                 |
| `readers`   | those who keep a book from the feed, and some that stop reading                   |
| `venue`     | the exchange under its own supervisor, and roles beside it that die at fail-points |
| `power`     | a stream server whose power can be cut and whose disk can be filled               |
| `faults`    | what is done to it, drawn from the seed                                           |
| `record`    | what took effect, read from the log                                               |
| `judge`     | diary against record: lost, doubled, diverged                                     |
| `audit`     | log against machine, snapshots, tables, journal and feeds                         |
| `campaign`  | set-up, faults, peace, judgement                                                  |

What is drawn from the seed: the faults, their order, targets and lengths, and what each client wants. What the
operating system makes of it is not. A fault is never put in by changing the product: signals, a library before the
server's calls, fail-points that are in the product for everybody.
"""
