"""Built-in recipes: YAML files of options, one a data set × method family."""
