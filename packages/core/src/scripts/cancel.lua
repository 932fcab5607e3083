-- Cancels a run: one that waits is recorded as cancelled; of one that runs, the node that holds it is asked to abort it.
local refused = founded_otherwise()
if refused then return refused end
local now = clock()
step.begin('jobs', 'runs', 'unstarted')
if ask_to_cancel(arg.run, arg.reason) then return { int(now), 'asked' } end
local record = records_of({ arg.run })[arg.run]
if not record or not cancel_queued(arg.run, record, arg.reason, now) then return { int(now), 'none' } end
settle_exhausted()
if flush_lanes() then publish(int(now)) end
flush_events(now)
return { int(now), 'cancelled' }
