-- Marks a partition as being moved, so that nobody joins or writes who asks. Not while a node lives there: answers those.
local layout = redis.call('HGET', key.meta, 'layout')
if layout and layout ~= arg.layout then
  return refuse('LAYOUT_MISMATCH', 'The namespace is of layout ' .. layout .. ', this version writes ' .. arg.layout .. '. Move it with the version that it is of.')
end
local alive = redis.call('ZRANGE', key.nodes, int(clock()), '+inf', 'BYSCORE', 'LIMIT', 0, 100)
if #alive == 0 then redis.call('HSET', key.meta, 'moving', arg.mark) end
return alive
