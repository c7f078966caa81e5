"""One platform's plugins behind typed methods. The only module that calls pluggy."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import pluggy

from . import hookspecs, log
from .call import Account, Call, CallFinished, Context, Credential, HttpRequest, HttpResponse
from .errors import ProviderContractError, SignatureError, UnsupportedOperation

PIPELINE: Final = ("sign", "verify", "encode_request", "decode_response")
OPERATIONS: Final = (
    "get_order_info",
    "order_query",
    "close_order",
    "cancel_order",
    "refund",
    "refund_query",
    "download_bill",
    "download_fundflow",
    "verify_payment_notify",
    "verify_refund_notify",
)


class Provider:
    """
    A platform's provider plugin and the plugins that extend it.

    Each platform has a PluginManager of its own, so a hook call can only reach plugins that were
    registered for this platform.
    """

    def __init__(self, platform: str, plugin: object) -> None:
        self.platform: Final = platform
        self.operations: tuple[str, ...] = ()
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._asks: dict[str, Callable[..., Any]] = {}
        self._observers: list[Any] = []
        self.extend(plugin, name=platform)
        missing = [f"tongfu_{name}" for name in PIPELINE if not self._implemented(name)]
        if missing:
            raise ProviderContractError(f"the provider of {platform!r} lacks {', '.join(missing)}")

    def extend(self, plugin: object, name: str | None = None) -> None:
        """
        Register *plugin* for this platform, or leave no trace of it and raise.

        :raises ProviderContractError: an unknown hook, a wrong parameter, an async hook, no hook at
            all, a plugin registered twice.
        """
        if self._manager.is_registered(plugin):
            raise ProviderContractError(f"{self.platform}: {_name_of(plugin)} is registered already")
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
            self._inspect(plugin)
        except (pluggy.PluginValidationError, ValueError, TypeError) as exc:
            if self._manager.is_registered(plugin):
                self._manager.unregister(plugin)
            raise ProviderContractError(f"{self.platform}: {exc}") from exc
        self.operations = tuple(name for name in OPERATIONS if self._implemented(name))
        self._asks = {}
        self._observers = self._hook("call_finished").get_hookimpls()
        log.debug("tongfu.plugin_registered", platform=self.platform, plugin=self._manager.get_name(plugin))

    def _inspect(self, plugin: object) -> None:
        """Refuse what pluggy accepts and then calls wrongly, or never."""
        impls = [
            (caller.name, impl)
            for caller in self._manager.get_hookcallers(plugin) or ()
            for impl in caller.get_hookimpls()
            if impl.plugin is plugin
        ]
        if not impls:
            raise TypeError(f"{_name_of(plugin)} implements no hook; is @hookimpl missing?")
        for name, impl in impls:
            function = impl.function
            if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
                raise TypeError(
                    f"{name} in {_name_of(plugin)} is async; hooks are plain functions, only the engine awaits"
                )
            if inspect.isgeneratorfunction(function) and not (impl.wrapper or impl.hookwrapper):
                # Its generator would be handed out as the result, and the operation never be carried out.
                raise TypeError(f"{name} in {_name_of(plugin)} yields, but is not a hookimpl(wrapper=True)")
            needed = {
                parameter.name
                for parameter in inspect.signature(function).parameters.values()
                if parameter.default is parameter.empty
                and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            }
            if lacking := sorted(needed.difference(impl.argnames)):
                # A keyword-only parameter, or self: a class was passed where an instance is meant.
                raise TypeError(f"{name} in {_name_of(plugin)} cannot be given {', '.join(lacking)}")
            if name == "tongfu_call_finished" and (impl.wrapper or impl.hookwrapper):
                raise TypeError(f"{name} in {_name_of(plugin)} is a wrapper; an observer wraps nothing")

    def begin(self, operation: str, account: Account, params: object, ctx: Context) -> object:
        """
        Ask the provider for an operation's first step.

        :raises UnsupportedOperation: no plugin implements it. Wrappers do not count.
        """
        if operation not in self.operations:
            raise UnsupportedOperation(self.platform, operation, self.operations)
        return self._ask(operation, account, params, ctx)

    def sign(self, account: Account, payload: bytes, algorithm: str) -> str:
        signature = self._ask("sign", account, payload, algorithm)
        if not isinstance(signature, str) or not signature:
            raise ProviderContractError(f"{self.platform}: tongfu_sign answered no signature")
        return signature

    def check(self, account: Account, payload: bytes, signature: str, algorithm: str) -> None:
        """Raise SignatureError unless the signature is valid; no answer is a refusal too."""
        if not isinstance(signature, str) or not signature:
            raise SignatureError(f"{self.platform}: the {algorithm} signature is missing")
        ask = self._asks.get("verify") or self._compiled("verify")
        if ask(account, payload, signature, algorithm) is not True:
            raise SignatureError(
                f"{self.platform}: the {algorithm} signature is not the platform's; use nothing of the message, "
                "and check the account's keys if this happens to every message"
            )

    def encode(self, account: Account, call: Call[Any], ctx: Context) -> HttpRequest:
        return cast("HttpRequest", self._ask("encode_request", account, call, ctx))

    def decode(self, account: Account, call: Call[Any], response: HttpResponse, ctx: Context) -> Mapping[str, Any]:
        answer = self._ask("decode_response", account, call, response, ctx)
        return cast("Mapping[str, Any]", answer)

    def fetch_credential(self, account: Account, kind: str, ctx: Context) -> Call[Credential] | Credential:
        answer = self._ask("fetch_credential", account, kind, ctx)
        return cast("Call[Credential] | Credential", answer)

    def account_schema(self) -> Any:
        """The schema for plain data, or None where the provider has none."""
        return self._hook("account_schema")()

    @property
    def observed(self) -> bool:
        return bool(self._observers)

    def finished(self, event: CallFinished) -> None:
        """Tell every observer; one that fails is logged and stops neither the others nor the call."""
        for impl in self._observers:
            try:
                impl.function(*[event for _ in impl.argnames])
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException:  # noqa: BLE001 - a bug of its own must not hide a refund that happened
                log.exception("tongfu.observer_failed", plugin=impl.plugin_name, operation=event.operation)

    def _hook(self, name: str) -> pluggy.HookCaller:
        return cast("pluggy.HookCaller", getattr(self._manager.hook, f"tongfu_{name}"))

    def _implemented(self, name: str) -> bool:
        return any(not (impl.wrapper or impl.hookwrapper) for impl in self._hook(name).get_hookimpls())

    def _ask(self, name: str, *arguments: object) -> object:
        answer = (self._asks.get(name) or self._compiled(name))(*arguments)
        if answer is None:
            plugins = ", ".join(impl.plugin_name for impl in self._hook(name).get_hookimpls()) or "none"
            raise ProviderContractError(
                f"{self.platform}: tongfu_{name} answered None (plugins asked: {plugins}); "
                "a wrapper must end with 'return (yield)'"
            )
        return answer

    def _compiled(self, name: str) -> Callable[..., Any]:
        """
        The hook with its arguments in the hookspec's order.

        Where one plain function is all there is, that function: pluggy takes 1.1 us, a list 0.3 us.
        """
        hook = self._hook(name)
        names = tuple(inspect.signature(getattr(hookspecs, hook.name)).parameters)
        impls = hook.get_hookimpls()
        if len(impls) != 1 or impls[0].wrapper or impls[0].hookwrapper:

            def ask(*arguments: object) -> Any:
                return hook(**dict(zip(names, arguments, strict=True)))

        elif (wanted := impls[0].argnames) == names:
            ask = impls[0].function
        else:
            function, places = impls[0].function, [names.index(argument) for argument in wanted]

            def ask(*arguments: object) -> Any:
                return function(*[arguments[place] for place in places])

        self._asks[name] = ask
        return ask


def _name_of(plugin: object) -> str:
    return str(getattr(plugin, "__name__", type(plugin).__name__))
