-- Gives what has been gathered, page by page, its name, in place of what stands there. Taken twice it does no more than once: then it stands there already.
local refused = moved_by_others()
if refused then return refused end
local is_gathered = redis.call('EXISTS', key.gathered) == 1
local found = is_gathered and key.gathered or key.target
local lengths = { hash = 'HLEN', set = 'SCARD', zset = 'ZCARD', list = 'LLEN', stream = 'XLEN' }
if redis.call('TYPE', found).ok ~= arg.type or redis.call(lengths[arg.type], found) ~= tonumber(arg.length) then
  return refuse('NAMESPACE_MOVING', 'The key ' .. found .. ' has lost items while it was moved. Repeat the move.')
end
if is_gathered then
  redis.call('UNLINK', key.target)
  redis.call('RENAME', key.gathered, key.target)
  if tonumber(arg.ttl) > 0 then redis.call('PEXPIRE', key.target, arg.ttl) end
end
return 1
