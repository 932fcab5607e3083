-- Applies what another partition tells of jobs that depend on each other: each message once, in order. `after`: the message that stands before these.
-- Where this partition has gone back in time, and knows of fewer, nothing is done: whoever carries them reads on from what it does know.
local now = clock()
local refused = founded_otherwise()
if refused then return refused end
local last = redis.call('HGET', key.inbox, arg.teller) or '0-0'

local function is_before(one, other)
  local time, place = string.match(one, '^(%d+)-(%d+)$')
  local other_time, other_place = string.match(other, '^(%d+)-(%d+)$')
  if time ~= other_time then return tonumber(time) < tonumber(other_time) end
  return tonumber(place) < tonumber(other_place)
end

if is_before(last, arg.after) then return { int(now), last, {}, {} } end
step.begin('jobs', 'runs', 'unstarted')
found()
for id, text in each(list.messages) do
  if outbox.told >= tonumber(arg.most) then break end -- the rest with the next call
  if is_before(last, id) then
    receive(text, now, arg.teller)
    last = id
  end
end
redis.call('HSET', key.inbox, arg.teller, last)
settle_exhausted()
if flush_lanes() then publish(int(now)) end
flush_events(now)

local passed, left = {}, {}
local function pass(run, state, reason)
  passed[#passed + 1] = run; passed[#passed + 1] = state; passed[#passed + 1] = reason
end
for _, run in ipairs(given_up) do pass(run, 'skipped', 'dependency') end
for i = 1, #exhausted, 3 do
  if exhausted[i + 2] ~= '' then pass(exhausted[i + 2], 'missed', 'exhausted') end
  pass(exhausted[i], 'jobExhausted', exhausted[i + 1])
end
for partition in pairs(outbox.left) do left[#left + 1] = partition end
return { int(now), last, passed, left }
