-- A partition has what it is to have: `partitions` 0 takes back the mark alone, as nothing was done.
local refused = moved_by_others()
if refused then return refused end
if arg.partitions ~= '0' then redis.call('HSET', key.meta, 'layout', arg.layout, 'partitions', arg.partitions) end
redis.call('HDEL', key.meta, 'moving')
return 1
