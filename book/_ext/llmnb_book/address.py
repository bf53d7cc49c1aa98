"""No button that leads nowhere: launch and repository buttons need a repository that exists.

The address stands in ``_config.yml``. Until the owner publishes the book it is a placeholder
whose host ends in ``.invalid``, a top-level name that nobody can register (RFC 2606).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from sphinx.application import Sphinx
from sphinx.config import Config

BUTTONS = ("use_repository_button", "use_issues_button", "use_edit_page_button")
KNOWN_HOSTS = ("github", "gitlab", "bitbucket")  # the theme stops the build at any other


def is_published(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return not host.endswith(".invalid") and any(name in host for name in KNOWN_HOSTS)


def drop_buttons(app: Sphinx, config: Config) -> None:
    options = config.html_theme_options
    if is_published(options.get("repository_url", "")):
        return
    for key in ("repository_url", "repository_branch", "launch_buttons"):
        options.pop(key, None)
    options.update(dict.fromkeys(BUTTONS, False))


def setup(app: Sphinx) -> None:
    app.connect("config-inited", drop_buttons)
