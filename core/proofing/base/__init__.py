"""What everything else is built of: errors, logs, metrics, traces, strict parsing. It knows nothing above."""
