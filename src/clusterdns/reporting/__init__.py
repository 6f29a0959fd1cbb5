"""What a run leaves for people and machines to read: report.json, junit.xml, the summary."""
