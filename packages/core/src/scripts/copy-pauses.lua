-- Makes copies of pauses that the first partition has, and deletes those that it has no more: with what was said of the resumption, if anything was, by which
-- what they held back goes on. A copy has no end of its own. `carried`: what the first partition has been told of. `epoch`: of the leader; empty: copies are
-- only made.
local refused = founded_otherwise()
if refused then return refused end
local now = clock()
if arg.epoch ~= '' then
  local epoch = redis.call('GET', key.epoch)
  if epoch ~= arg.epoch then return refuse('STALE_EPOCH', 'The term ' .. arg.epoch .. ' is over; the latest is ' .. (epoch or 'none') .. '.') end
end
step.begin()
for name, said in each(list.carried) do
  if redis.call('HGET', key.carry, name) == said then redis.call('HDEL', key.carry, name) end
end
for name, text in each(list.there) do
  redis.call('SET', arg.prefix .. 'pause:' .. name, text)
  pause_seen[name] = true
  note_pause(name, now)
end
for name, said in each(list.gone) do
  -- One that a job has set itself meanwhile is still to be carried.
  if string.sub(redis.call('HGET', key.carry, name) or '', 1, 1) ~= '+' and redis.call('DEL', arg.prefix .. 'pause:' .. name) == 1 and said ~= '' then
    local times = string.match(redis.call('HGET', key.pauses, name) or '', '^%d+ %d+') or int(now) .. ' ' .. int(now)
    redis.call('HSET', key.pauses, name, times .. ' ' .. said)
  end
end
return int(now)
