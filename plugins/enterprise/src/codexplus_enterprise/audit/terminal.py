"""Keeping account of what is done at a terminal, by a process that is no proxy."""

from __future__ import annotations

from codexplus_core import AuditEvent, Core

from .entry import of_event
from .settings import audit_settings
from .shipping import Shipping
from .starting import TERMINAL, begin, forbidden_by

WAIT_S = 10.0


def keep(core: Core, event: AuditEvent) -> str:
    """Keep what is about to be done, on disk when this returns; why it may not be done, ``""`` where it may.

    It goes to a stream of this process's own: the proxy's belongs to the proxy.
    """
    settings = audit_settings(core.config.user)
    if not settings.on:
        return ""
    shipping = Shipping(core, settings.otlp, forbidden=forbidden_by(core))
    writer = begin(core, settings, shipping, digest="", kind=TERMINAL)
    try:
        why = writer.put_now(of_event(event), needed=settings.required).done.result(WAIT_S)
    except TimeoutError:
        why = f"the disk took more than {WAIT_S:g} s"
    finally:
        writer.close()
        shipping.close()
    if why and settings.required:
        return f"the audit log cannot be written ({why}), and your administrator wants everything kept that is done"
    return ""
