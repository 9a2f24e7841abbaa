#!/usr/bin/env bash
# llvmlite 0.43.0 (of numba 0.60) and 0.50.0: ValueRef.add_function_attribute("noinline") on a parsed function.
# Guess: the attribute is the function's; a module with it verifies.
# Seen: 0.43.0 gives it to the value that the function returns, before the type of which it is printed; the
#   module that was valid then fails to verify. 0.50.0 gives it to the function. An attribute of llvmlite.ir's
#   function is the function's in both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/attribute.py" <<'PY'
import llvmlite
from llvmlite import binding, ir


def begin(text):
    """The line of the module that begins the function."""
    (line,) = (line for line in text.splitlines() if line.startswith("define"))
    return line


module = ir.Module("m")
function = ir.Function(module, ir.FunctionType(ir.DoubleType(), ()), "f")
ir.IRBuilder(function.append_basic_block()).ret(ir.Constant(ir.DoubleType(), 1.0))
parsed = binding.parse_assembly(str(module))
parsed.verify()
parsed.get_function("f").add_function_attribute("noinline")
try:
    parsed.verify()
    outcome = "verifies"
except RuntimeError as error:
    outcome = str(error).strip().splitlines()[0]
print(f"llvmlite {llvmlite.__version__}: {begin(str(parsed))}\n    {outcome}")
of_the_value = begin(str(parsed)).startswith("define noinline")
function.attributes.add("noinline")
binding.parse_assembly(str(module)).verify()
old = llvmlite.__version__ == "0.43.0"
assert of_the_value == old
assert outcome == ("Attribute 'noinline' does not apply to function return values" if old else "verifies")
PY
for version in 0.43.0 0.50.0; do
  python3 -m venv "$folder/$version"
  "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "llvmlite==$version"
  "$folder/$version/bin/python" "$folder/attribute.py"
done
