"""The tree of agents: nodes, clade statistics, policies, the archive of agents and the journal of events."""
