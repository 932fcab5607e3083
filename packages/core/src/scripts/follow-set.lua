-- Puts the mark that partition 0 has given to a set of jobs in the place of one with a lower number.
local refused = founded_otherwise()
if refused then return refused end
local stored = redis.call('HGET', key.sets, arg.set) or 'none'
if stored == arg.mark then return stored end
if mark_of(stored).number >= mark_of(arg.mark).number then return refuse('STALE_JOB_SET', stored) end
found()
redis.call('HSET', key.sets, arg.set, arg.mark)
return stored
