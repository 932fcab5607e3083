-- Takes the lease if nobody holds it, and begins a new term with it.
-- Answers { 1, epoch, 0 } if `id` holds the lease now, else { 0, epoch, milliseconds until the holder's lease ends }.
local ttl = tonumber(arg.ttl)
if not ttl or ttl < 1 then return refuse('INVALID_OPTION', 'ttl must be a positive number of milliseconds.') end
local ended, seen = tonumber(arg.ended), tonumber(arg.seen)
if not ended or not seen then return refuse('INVALID_OPTION', 'ended and seen must be numbers of terms.') end
local epoch = redis.call('GET', key.epoch) or '0'
if not string.match(epoch, '^%d+$') or #epoch > 15 then
  return refuse('EPOCH_INVALID', 'The key ' .. key.epoch .. ' holds no number of a term. Delete it if it is not Escapement\'s, or choose another.')
end
epoch = tonumber(epoch)
local holder = redis.call('GET', key.lease)
if holder and holder ~= arg.id then
  local left = redis.call('PTTL', key.lease)
  if left >= 0 then return { 0, epoch, left } end
  -- Set by hand, without an end: it would keep everybody out for ever.
  redis.call('PEXPIRE', key.lease, ttl)
  return { 0, epoch, ttl }
end
redis.call('SET', key.lease, arg.id, 'PX', ttl)
-- Our own lease of a term that we never heard of: an earlier request was applied and its reply was lost. That term is ours.
if holder and epoch > ended then return { 1, epoch, 0 } end
-- Higher also than what a server that lost its data has forgotten, as far as this elector has seen it.
epoch = math.max(epoch, seen) + 1
redis.call('SET', key.epoch, string.format('%.0f', epoch))
return { 1, epoch, 0 }
