import hashlib

import torch
from transformers import Trainer, TrainingArguments, set_seed

set_seed(0)


class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(50, 16)
        self.out = torch.nn.Linear(16, 50)

    def forward(self, input_ids, labels=None):
        z = self.out(self.emb(input_ids))
        return {"loss": torch.nn.functional.cross_entropy(z.view(-1, 50), labels.view(-1)), "logits": z}


data = [{"input_ids": torch.randint(0, 50, (8,)), "labels": torch.randint(0, 50, (8,))} for _ in range(64)]
a = TrainingArguments(
    "hfout",
    per_device_train_batch_size=4,
    num_train_epochs=3,
    logging_steps=5,
    eval_strategy="epoch",
    gradient_accumulation_steps=2,
    report_to=[],
    disable_tqdm=True,
    use_cpu=True,
    save_strategy="epoch",
)
t = Trainer(M(), a, train_dataset=data, eval_dataset=data[:16])
t.train()
print(hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in t.model.parameters())).hexdigest())
