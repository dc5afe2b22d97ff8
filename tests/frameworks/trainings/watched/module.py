import hashlib

import lightning as L
import torch

L.seed_everything(0)


class M(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.l = torch.nn.Linear(10, 1)

    def training_step(self, b, i):
        loss = ((self.l(b[0]) - b[1]) ** 2).mean()
        self.log("train_loss", loss)
        return loss

    def validation_step(self, b, i):
        self.log("val_loss", ((self.l(b[0]) - b[1]) ** 2).mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 1e-2)


x = torch.randn(256, 10)
y = x.sum(1, keepdim=True)
dl = lambda: torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=16)
m = M()
L.Trainer(
    max_epochs=3,
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    accelerator="cpu",
    log_every_n_steps=5,
    gradient_clip_val=1.0,
).fit(m, dl(), dl())
print(hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in m.parameters())).hexdigest())
