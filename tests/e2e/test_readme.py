"""What the README shows is pasted into a shell, as a newcomer does, with nothing changed but the port."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.e2e.running import Exchange, environment, free_port, running, until

ROOT = Path(__file__).parents[2]


def shell_block(containing: str) -> str:
    """The README's shell example that contains a text."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (found,) = [block for block in blocks if containing in block]
    return str(found)


def paste(exchange: Exchange, block: str) -> str:
    """Run a block in a shell in the checkout; what it prints."""
    script = block.replace(":8000", f":{exchange.port}").replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    done = subprocess.run(
        ["bash", "-eu", "-c", script],
        cwd=ROOT,
        env=os.environ | environment(exchange.home, exchange.port),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_examples_of_the_readme_work_when_pasted(tmp_path: Path) -> None:
    with running(tmp_path / "home", free_port(), {"EXCHANGE_DEMO": "1"}) as exchange:
        exchange.wait_ready()
        until(lambda: bool(exchange.ok("GET", "/api/v1/depth?market=TATA-INR")["asks"]), "the market to move")

        traded = paste(exchange, shell_block("post signup"))
        assert '"status":"filled"' in traded
        assert '"asset":"TATA"' in traded.splitlines()[-1]

        fed = paste(exchange, shell_block("SUBSCRIBE")).splitlines()
        assert len(fed) == 10
        assert fed[0] == "{'id': 1, 'result': None}"
        assert any("'type': 'snapshot'" in line for line in fed)

        proven = paste(exchange, shell_block("exchange audit verify"))
        assert re.search(r"^verified", proven, re.MULTILINE)
        assert "power loss" in proven, "what the doctor says"
