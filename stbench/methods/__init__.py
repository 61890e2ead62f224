"""The door to the methods: `stbench.methods.<name>`.

In an installed package the plugins lie beside this file. In a checkout they lie in the top-level `methods/`
folder, so that dropping a folder there is all it takes; folders named by `$STBENCH_METHODS` are searched too.
"""

import os
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]
if (_CHECKOUT / "pyproject.toml").is_file():
    __path__.append(str(_CHECKOUT / "methods"))
__path__.extend(folder for folder in os.environ.get("STBENCH_METHODS", "").split(os.pathsep) if folder)
