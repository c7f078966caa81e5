"""``python3 examples [--list | name] [arguments]``: one example (``tour`` unless named), in an environment that the
first start makes. Its exit code is the example's."""

import pathlib
import runpy
import sys

HERE = pathlib.Path(__file__).resolve().parent


def main(arguments: "list[str]") -> None:
    names = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    if arguments[:1] == ["--list"]:
        print(*names, sep="\n")
        return
    name = "tour"
    if arguments and not arguments[0].startswith("-"):
        name = pathlib.Path(arguments[0]).stem
        arguments = arguments[1:]
    if name not in names:
        sys.exit(f"there is no example {name!r}; there are: {', '.join(names)}")
    runpy.run_path(str(HERE.parent / "core" / "bootstrap.py"))["run"](str(HERE / f"{name}.py"), *arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
