"""A rule that asks its trial anything, at random by its seed, and tells all that it heard. Nothing in here knows Gridwatch."""
import random
import numpy as np
from smdebug import modes
from smdebug.core.modes import ModeKeys
from smdebug.exceptions import *
from smdebug.rules import Rule


def told(f):
    if isinstance(f, np.ndarray): return [str(f.dtype), f.shape, f.tolist()]
    if isinstance(f, dict): return {str(k): told(v) for k, v in f.items()}
    if isinstance(f,(list,tuple,set)): return [told(x) for x in (sorted(f,key=str) if isinstance(f,set) else f)]
    return repr(f) if type(f).__module__ in ('builtins','numpy') or isinstance(f, ModeKeys) or type(f).__name__=='StepState' else type(f).__name__


class AsksAnything(Rule):
    def __init__(self, base_trial, seed='0'):
        super().__init__(base_trial, '')
        self.r=random.Random(int(seed)); self.said=[]
    def set_required_tensors(self, step):
        r=self.r
        if r.random()<.3:
            names=self.base_trial.tensor_names()
            self.req_tensors.add(r.choice(names+['nope','.*']), [max(0,step-r.randrange(4)) for _ in range(r.randrange(3))], should_match_regex=r.random()<.4)
    def invoke_at_step(self, step):
        r=self.r; t=self.base_trial; names=t.tensor_names()
        def S(): return r.choice([step, step, step-1, step+1, 0, 1, 2, -1, 99, step//2])
        def M(): return r.choice([modes.GLOBAL, modes.GLOBAL, modes.TRAIN, modes.EVAL, modes.PREDICT])
        def W(): return r.choice([None,None,'worker_0','worker_1','worker_2','nobody',''])
        def N(): return r.choice(names) if names else 'loss'
        def R(): return r.choice(['min','max','mean','std','variance','sum','prod','l1','l2','median','',None])
        calls=[
          lambda: t.tensor(N()).value(S(), M(), W()), lambda: t.tensor(N()).value(S(), mode=M()), lambda: t.tensor(N()).value(step),
          lambda: t.tensor(N()).shape(S(), M(), W()), lambda: t.tensor(N()).reduction_value(S(), R(), M(), W(), r.random()<.5),
          lambda: t.tensor(N()).reduction_value(step, R()), lambda: t.tensor(N()).reduction_values(S(), M(), W()),
          lambda: t.tensor(N()).steps(M(), r.random()<.5), lambda: t.tensor(N()).prev_steps(S(), r.choice([None,0,1,2,50,-1]), M()),
          lambda: t.tensor(N()).workers(S(), M()), lambda: t.tensor(N()).values(M(), W()), lambda: t.tensor('nope'),
          lambda: t.steps(M(), r.random()<.5), lambda: t.tensor_names(step=S(), mode=M()), lambda: t.tensor_names(mode=M(), regex=r.choice(['o','^l',['w','x'],'(', []])),
          lambda: t.tensor_names(collection=r.choice(['losses','weights','none',None,''])), lambda: t.tensor_names(step=S(), collection='gradients'),
          lambda: t.has_passed_step(S(), M()), lambda: t.global_step(M(), S()), lambda: t.mode(S()), lambda: t.mode_step(S()), lambda: t.mode_modestep(S()),
          lambda: t.wait_for_steps([S()], M()), lambda: t.wait_for_steps([]), lambda: t.labels(S(), M()), lambda: t.predictions(S()), lambda: t.inputs(S(), M()),
          lambda: t.collection(r.choice(['losses','x'])).tensor_names, lambda: sorted(t.collections()), lambda: list(t.modes()), lambda: t.workers(),
          lambda: self.req_tensors.get_names() and list(self.req_tensors.get_names()), lambda: [x.name for x in self.req_tensors.get()], lambda: self.req_tensors.get_tensor_steps('loss'),
          lambda: t.has_tensor(r.choice(['loss','nope'])), lambda: t.tensor_names(True), lambda: t.tensor_names(regex='a', collection='b'),
          lambda: np.mean(t.tensor(N()).value(step)), lambda: t.tensor(N()).value(step).mean(axis=0), lambda: t.tensor(N()).value(step)*2.0, lambda: t.tensor(N()).value(step)[0],
          lambda: float(t.tensor('loss').reduction_value(step,'mean')), lambda: t.tensor(N()).value(step).astype('f4').sum(), lambda: t.tensor(N()).value(step).tolist(), lambda: np.asarray([t.tensor('loss').value(s) for s in t.tensor('loss').steps()[:3]]),
          lambda: f"{t.tensor('loss').value(step)}", lambda: t.tensor('loss').value(step)==1, lambda: np.stack([t.tensor('loss').value(step)]*2).squeeze(), lambda: t.tensor('loss').value(step).reshape(-1)[0],
          lambda: t.maybe_refresh(), lambda: t.refresh_data(), lambda: (t.dynamic_refresh, t.loaded_all_steps, t.last_complete_step, t.num_workers),
        ]
        for _ in range(6):
            i=r.randrange(len(calls))
            try: self.said.append([step,i,told(calls[i]())])
            except Exception as e: self.said.append([step,i,type(e).__name__,str(e)])
        if step>=self.r.randrange(3,12): raise ValueError(repr(self.said))


# ruff: noqa - as users write their rules
