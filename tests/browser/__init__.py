"""A package, so that its fixtures of scope "package" end with it: the browser's event loop above all."""
