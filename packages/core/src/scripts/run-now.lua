-- Queues a run of a job by hand, beside its schedule.
local record = redis.call('HGET', key.jobs, arg.job)
if not record then return refuse('JOB_NOT_FOUND', 'There is no job ' .. arg.job .. '.') end
local parsed = parse(record)
if not parsed then return refuse('JOB_BROKEN', 'The record of job ' .. arg.job .. ' cannot be read. Define it anew.') end
local now = clock()
local run = arg.job .. '@' .. int(now) .. '-' .. arg.suffix
make_ready(parsed.lane, parsed.priority, now, run)
mark_requeued(run)
if flush_lanes() then publish(int(now)) end
return { int(now), run }
