-- Puts what was read of a key of one partition into the key of the same name of another. Taken twice it does no more than once.
-- `keep`: what is there already stays. `reset`: nothing that was there does. `offset`: how long the list is to be, before.
local refused = moved_by_others()
if refused then return refused end
local there = redis.call('TYPE', key.target).ok
if arg.reset == '0' and there ~= 'none' and there ~= arg.type then
  return refuse('WRONG_KEY_TYPE', 'The key ' .. key.target .. ' is of the type ' .. there .. ', not ' .. arg.type .. '. Rename it, and repeat the move.')
end
if arg.reset == '1' then
  redis.call('UNLINK', key.target)
  there = 'none'
end

local puts = {
  string = function(value) redis.call('SET', key.target, value, 'KEEPTTL') end,
  hash = function(field, value) redis.call(arg.keep == '1' and 'HSETNX' or 'HSET', key.target, field, value) end,
  set = function(member) redis.call('SADD', key.target, member) end,
  list = function(item) redis.call('RPUSH', key.target, item) end,
  zset = function(member, score)
    if arg.keep == '1' then redis.call('ZADD', key.target, 'NX', score, member)
    else redis.call('ZADD', key.target, score, member) end
  end,
  -- Of the number of fields and of these, each in turn.
  stream = function(id, ...)
    if #redis.call('XRANGE', key.target, id, id) == 0 then redis.call('XADD', key.target, id, ...) end
  end,
}
local is_done = arg.type == 'string' and arg.keep == '1' and there ~= 'none'
if arg.type == 'list' and arg.reset == '0' then
  local function is_of_length(length)
    return not redis.call('LINDEX', key.target, length) and (length == 0 or redis.call('LINDEX', key.target, length - 1) ~= false)
  end
  is_done = is_of_length(arg.offset + list.values.count / 2)
  if not is_done and not is_of_length(tonumber(arg.offset)) then
    return refuse('NAMESPACE_MOVING', 'The list ' .. key.target .. ' has lost items while it was moved. Repeat the move.')
  end
end
if not is_done then
  local at, last = list.values.first, list.values.first + list.values.count - 1
  while at <= last do
    local width = tonumber(ARGV[at])
    puts[arg.type](unpack(ARGV, at + 1, at + width))
    at = at + 1 + width
  end
end
if tonumber(arg.ttl) > 0 then
  if there == 'none' then redis.call('PEXPIRE', key.target, arg.ttl) else redis.call('PEXPIRE', key.target, arg.ttl, 'GT') end
end
return 1
