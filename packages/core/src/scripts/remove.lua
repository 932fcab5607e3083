-- Removes a job and what was materialised of it. A run of it that runs goes on.
local now = clock()
if not remove_job(arg.job) then return 0 end
tell('jobRemoved ' .. arg.job)
flush_lanes()
flush_events(now)
return 1
