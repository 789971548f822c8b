"""What an administrator allows: models, endpoints, versions, plugins; the rest of the policy is the core's."""
