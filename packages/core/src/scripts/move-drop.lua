-- Takes out of a key what has been put into another partition; the whole key, if no members are named.
local refused = moved_by_others()
if refused then return refused end
local takes = { hash = 'HDEL', set = 'SREM', zset = 'ZREM' }
if list.members.count == 0 then redis.call('UNLINK', key.target) end
local at, last = list.members.first, list.members.first + list.members.count - 1
while at <= last do
  local to = math.min(at + 999, last)
  redis.call(takes[arg.type], key.target, unpack(ARGV, at, to))
  at = to + 1
end
return 1
