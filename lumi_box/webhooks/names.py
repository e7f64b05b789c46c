"""What a webhook can be told of, and how a delivery stands."""

TASK_COMPLETED, TASK_FAILED, TASK_CANCELLED = "task.completed", "task.failed", "task.cancelled"
MODEL_COMPLETED, MODEL_FAILED = "model.completed", "model.failed"
EVENTS = (TASK_COMPLETED, TASK_FAILED, TASK_CANCELLED, MODEL_COMPLETED, MODEL_FAILED)
TEST = "webhook.test"  # sent only when its owner asks for it

PENDING, DELIVERED, FAILED = "PENDING", "DELIVERED", "FAILED"
STATUSES = (PENDING, DELIVERED, FAILED)

OWNER, GONE, FAILING = "owner", "gone", "failing"  # who or what switched a webhook off
REASONS = (OWNER, GONE, FAILING)
