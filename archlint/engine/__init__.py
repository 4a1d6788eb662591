"""One run: files to models, rules to findings, findings to lines, suppressions and exit code."""
