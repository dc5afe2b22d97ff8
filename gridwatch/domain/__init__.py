"""The domain's vocabulary as frozen values: experiments, trials, jobs, rules and what is known of them."""
