"""Functions that kernels call are compiled once, and optimised only in the whole that Python calls.

numba optimises each function by itself and makes machine code of it, although Python calls only a
few. Whatever calls such a function links the optimised code and optimises all of it again, so that
the innermost of ten nested functions is optimised ten times. Here a function is compiled in two
ways. Where kernels call it, it is a *part*: typed, turned into LLVM's language and simplified, no
more. Where Python calls it, it is an *entry*: all its parts are linked into it, each once and
private to it, and then the whole is optimised and becomes machine code. For the longest kernels
this takes half the time, and LLVM sees all callers of a function when it decides what to inline.

numba's extension point ``pipeline_class`` is public, its classes of libraries are not. Where this
release of numba lacks what is used here, kernels are compiled as numba does by default: the same
results, later (`AVAILABLE`).
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numba
from llvmlite import binding, ir
from numba import njit
from numba.core import codegen, compiler, compiler_machinery, itanium_mangler, registry

__all__ = ["AVAILABLE", "entry"]

_OF_LIBRARIES = (
    "_codegen", "_ensure_finalized", "_final_module", "_finalize_dynamic_globals", "_finalized",
    "_get_module_for_linking", "_linking_libraries", "_optimize_final_module",
    "_optimize_functions", "_raise_if_finalized", "_shared_module",
)  # fmt: skip
_OF_GENERATORS = "_create_empty_module", "_library_class"


def _has_what_parts_need() -> bool:
    generator = registry.cpu_target.target_context.codegen()
    library = generator.create_library("particleflow")
    return all(hasattr(library, name) for name in _OF_LIBRARIES) and all(
        hasattr(generator, name) for name in _OF_GENERATORS
    )


AVAILABLE: bool = _has_what_parts_need()
"""Whether this release of numba has what parts need."""


_apart: set[str] = set()
"""Beginnings of the names, in LLVM, of parts that are never inlined."""


def entry(function: Callable, *, cached: bool, apart: bool = False, **options: Any) -> Any:
    """Compile a function as an entry where Python calls it, and as a part where kernels do.

    Parameters
    ----------
    function : callable
    cached : bool
        Whether machine code of the entry is kept on disk.
    apart : bool
        Whether the part is called and never inlined.
    **options
        Options of ``numba.njit``; ``forceinline`` is for parts only.

    Returns
    -------
    numba dispatcher
        Its attribute ``part`` is a function that returns the dispatcher of the part.
    """
    if apart:
        name = f"{function.__module__}.{function.__qualname__}"
        _apart.add(f"_Z{itanium_mangler.mangle_identifier(name).removesuffix('E')}B")
    for_entry = {name: value for name, value in options.items() if name != "forceinline"}
    if not AVAILABLE:
        return njit(cache=cached, **options)(function)
    whole = njit(cache=cached, no_cfunc_wrapper=True, pipeline_class=_Entry, **for_entry)(function)

    @lru_cache(maxsize=1)  # a process that loads entries from disk needs no parts
    def part() -> Any:
        return njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)(function)

    # what numba asks a function for that compiled code calls
    whole.get_call_template = lambda args, kws: part().get_call_template(args, kws)
    whole.get_overload = lambda signature: part().get_overload(signature)
    whole.part = part
    return whole


class _PartsCodegen:
    """numba's code generator, for libraries whose functions have no address."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def set_env(self, name: str, environment: Any) -> None:
        """Leave the function's environment away.

        It serves Python objects, which kernels have none of, nor those functions of numba that they
        call. What a user's function calls of numba may be a part as well, and is linked into it.
        """

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


class _Part(codegen.JITCodeLibrary):
    """The code of a part: its own functions only, simplified but without machine code."""

    @property
    def codegen(self) -> Any:
        return _PartsCodegen(self._codegen)

    def add_ir_module(self, ir_module: Any) -> None:
        # set before LLVM reads it: llvmlite 0.43 gives what is added later to the returned value
        for function in ir_module.functions:
            if not function.is_declaration and function.name.startswith(tuple(_apart)):
                function.attributes.add("noinline")
        super().add_ir_module(ir_module)

    def _optimize_functions(self, module: Any) -> None:
        # what is simplified before it is linked is copied and inlined faster; LLVM does the rest
        previous, numba.config.OPT = numba.config.OPT, 1
        try:
            super()._optimize_functions(module)
        finally:
            numba.config.OPT = previous

    def finalize(self) -> None:
        self._raise_if_finalized()
        _export(self._final_module, "weak_odr")
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0

    def _get_module_for_linking(self) -> Any:
        # a function that is compiled without this module, a user's own, has called a part
        if self._shared_module is None:
            own = self._final_module
            self._final_module = own.clone()
            for other in _link_parts(self, self._linking_libraries)[1]:
                self._final_module.link_in(other._get_module_for_linking(), preserve=True)
            self._final_module, own = own, self._final_module
            _export(own, "linkonce_odr")
            self._shared_module = own
        return self._shared_module


class _Whole(codegen.JITCodeLibrary):
    """The code of an entry with all its parts."""

    def finalize(self) -> None:
        parts, others = _link_parts(self, self._linking_libraries)
        self._inner = {
            function.name
            for part in parts
            for function in part._final_module.functions
            if not function.is_declaration
        }
        self._linking_libraries = others
        super().finalize()

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if function.name in self._inner:
                function.linkage = "internal"
        super()._optimize_final_module()

    def _get_module_for_linking(self) -> Any:
        # Nothing links an entry. Kept on disk beside its machine code is what numba wants to know
        # when it loads that, the names of the functions, and not the whole once more.
        self._ensure_finalized()
        if self._shared_module is None:
            names = self._codegen._create_empty_module(self.name)
            nothing = ir.FunctionType(ir.VoidType(), ())
            for function in self._final_module.functions:
                if not function.is_declaration and function.name not in self._inner:
                    body = ir.Function(names, nothing, function.name).append_basic_block()
                    ir.IRBuilder(body).ret_void()
            self._shared_module = binding.parse_assembly(str(names))
        return self._shared_module


def _export(module: Any, linkage: str) -> None:
    """Let the functions that a module exports have this linkage, of those that merge copies."""
    for function in module.functions:
        if not function.is_declaration and function.linkage.name in ("external", "weak_odr"):
            function.linkage = linkage


def _link_parts(library: Any, linked: list) -> tuple[list, list]:
    """Link all parts that these libraries need into one; returns them, and the other libraries.

    The others are to be linked after the parts, which need them: a linker leaves out a function of
    linkage ``linkonce_odr`` that nothing needs yet.
    """
    parts: list[Any] = []
    others: list[Any] = []
    waiting, seen = list(linked), set()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        if isinstance(one, _Part):
            parts.append(one)
            waiting.extend(one._linking_libraries)
            library._final_module.link_in(one._final_module, preserve=True)
            if hasattr(one, "_reload_init"):  # numba 0.60 has none
                library._reload_init.update(one._reload_init)
        else:
            others.append(one)
    return parts, others


@compiler_machinery.register_pass(mutates_CFG=False, analysis_only=False)
class _LibraryOfEntry(compiler_machinery.FunctionPass):
    """Give the function that is compiled as an entry a library of its own kind."""

    _name = "particleflow_library_of_entry"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        state.library = _Whole(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return True


class _Entry(compiler.CompilerBase):
    """numba's compiler for an entry: whatever it compiles besides is a part."""

    def define_pipelines(self) -> list:
        passes = compiler.DefaultPassBuilder.define_nopython_pipeline(self.state)
        first, _ = passes.passes[0]
        passes.add_pass_after(_LibraryOfEntry, first)
        passes.finalize()
        return [passes]

    def compile_extra(self, func: Callable) -> Any:
        with _libraries_are_parts(self.state.targetctx.codegen()), _without_garbage_collection():
            return super().compile_extra(func)


@contextmanager
def _libraries_are_parts(generator: Any) -> Iterator[None]:
    # numba compiles under a lock that all threads share
    previous = generator._library_class
    generator._library_class = _Part
    try:
        yield
    finally:
        generator._library_class = previous


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Spare the search for garbage, a tenth of the time: compilers make many objects that stay."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
