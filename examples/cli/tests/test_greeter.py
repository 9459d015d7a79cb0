from click.testing import CliRunner
from greeter import main


def test_the_person_is_greeted() -> None:
    result = CliRunner().invoke(main, ["Ada"])

    assert result.output == "Hello, Ada!\n"
