-- Makes a set of jobs stand at a content, `<version> <digest>`, and gives its mark a number: whatever writes its jobs, in any partition, has to name that mark.
-- Of several that begin, the last has the highest number. `above`: the highest one of another mark that a further partition was seen to have.
local refused = founded_otherwise()
if refused then return refused end
local stored = redis.call('HGET', key.sets, arg.set) or 'none'
local before, above = mark_of(stored), tonumber(arg.above)
-- One that is below others was lost and given again: which version stands the caller has seen there.
local is_last = before.number >= above
if arg.force ~= '1' and is_last and before.version > mark_of(arg.content).version then return refuse('STALE_JOB_SET', stored) end
found()
if before.content == arg.content and before.number > above then return { stored, stored } end
local mark = arg.content .. ' ' .. string.format('%d', math.max(before.number, above) + 1)
redis.call('HSET', key.sets, arg.set, mark)
return { stored, mark }
