-- Makes a set of jobs stand at a content, `<version> <digest>`, and gives its mark a number: whatever writes its jobs, in any partition, has to name that mark.
-- Of several that begin, the last has the highest number. `known`: the highest one that other partitions were seen to have.
local stored = redis.call('HGET', key.sets, arg.set) or 'none'
local before, known = mark_of(stored), tonumber(arg.known)
if arg.force ~= '1' and before.version > mark_of(arg.content).version then return refuse('STALE_JOB_SET', stored) end
if before.content == arg.content and before.number > 0 and before.number >= known then return { stored, stored } end
local mark = arg.content .. ' ' .. string.format('%d', math.max(before.number, known) + 1)
redis.call('HSET', key.sets, arg.set, mark)
return { stored, mark }
