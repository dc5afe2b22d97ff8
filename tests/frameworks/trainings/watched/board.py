from torch.utils.tensorboard import SummaryWriter

w = SummaryWriter("tbout")
for i in range(50):
    w.add_scalar("Loss/train", 1 / (i + 1), i)
    w.add_scalar("acc", i / 50, i)
w.close()
