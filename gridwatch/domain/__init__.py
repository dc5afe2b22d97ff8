"""The domain's vocabulary: experiments, trials, jobs, rules and what is known of them, as frozen values."""
