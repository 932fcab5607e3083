-- Makes a set of jobs stand at a version with a content: `<version> <digest>`. Whatever writes its jobs has to name the same.
local function version(mark) return tonumber(string.match(mark, '^%d+')) end
local stored = redis.call('HGET', key.sets, arg.set) or 'none'
if arg.force ~= '1' and (version(stored) or -1) > version(arg.mark) then return refuse('STALE_JOB_SET', stored) end
if stored ~= arg.mark then redis.call('HSET', key.sets, arg.set, arg.mark) end
return stored
