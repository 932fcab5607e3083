-- Removes a job and what was materialised of it. What waits for a further attempt ends as cancelled. A run of it that runs goes on, unless `cancel` gives a reason to cancel it.
local refused = founded_otherwise()
if refused then return refused end
local stale = stale_set()
if stale then return stale end
if arg.set ~= '' and redis.call('HGET', key.setOf, arg.job) ~= arg.set then return {} end
step.begin('jobs', 'runs', 'unstarted')
local now = clock()
if not remove_job(arg.job) then return {} end
if arg.cancel ~= '' then ask_to_cancel_all(arg.job, arg.cancel) end
tell('jobRemoved ' .. arg.job)
if flush_lanes() then publish(int(now)) end
flush_events(now)
local left = { 1 }
for partition in pairs(outbox.left) do left[#left + 1] = partition end
return left
