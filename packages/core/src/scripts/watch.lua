-- Looks at the pauses that have been noticed, a page of them at a time: whether they are over (deleted, or expired), so that what they held back goes on,
-- a bounded number of jobs at a time; and, `too_long` given, whether they have lasted for so long, which is said again each time that as long has
-- passed. Where there are jobs that go on from now, the end of a pause that nobody has resumed waits: what came due under it is to be passed over first.
local now = clock()
local epoch = redis.call('GET', key.epoch)
if epoch ~= arg.epoch then return refuse('STALE_EPOCH', 'The term ' .. arg.epoch .. ' is over; the latest is ' .. (epoch or 'none') .. '.') end
step.begin('jobs')

local page = redis.call('HSCAN', key.pauses, arg.cursor, 'COUNT', tonumber(arg.page))
local cursor, found, left, too_long = page[1], page[2], tonumber(arg.batch), tonumber(arg.too_long)
local keys, pause = {}, arg.prefix .. 'pause:'
for i = 1, #found, 2 do keys[#keys + 1] = pause .. found[i] end
-- With nothing else to look at: a pause of everything that was set by hand is told of at once, and looking costs as much as ever.
if #keys == 0 and cursor == '0' and redis.call('EXISTS', pause .. 'all') == 1 then note_pause('all', now) end

local announced = {}
local function announce(name, text)
  local noticed, said = string.match(text, '^(%d+) (%d+)$')
  if not noticed or now - tonumber(said) < too_long or #announced >= 300 then return end
  redis.call('HSET', key.pauses, name, noticed .. ' ' .. int(now))
  local line = name .. ' ' .. noticed .. ' ' .. pause_text(name)
  tell('pausedTooLong ' .. line)
  announced[#announced + 1] = line
end

local over, any_from_now = {}, redis.call('EXISTS', key.resumeNow) == 1
-- Also of a text that is none of ours: it is not to be waited for.
local function is_ending(text) return not string.find(text, '^%d+ %d+$') end

local function see(name, text)
  if is_ending(text) then -- it was over, and has been set anew
    text = string.match(text, '^%d+ %d+') or int(now) .. ' ' .. int(now)
    redis.call('HSET', key.pauses, name, text)
  end
  if too_long then announce(name, text) end
end

-- Whether it may have held back jobs that go on from now. Of a job's own pause that is known: were it not, the ends of many would wait for each other.
local function holds_from_now(name)
  local own = string.match(name, '^job:(.+)$')
  if own then return redis.call('SISMEMBER', key.resumeNow, own) == 1 end
  return not string.find(name, '^node:')
end

local function see_end(name, text)
  if any_from_now and not is_ending(text) and holds_from_now(name) then over[#over + 1] = name
  elseif left > 0 then left = left - end_pause(name, left, now) end
end

-- One call where all of them are there still, which is nearly always.
local function look(from, to)
  local there = redis.call('EXISTS', unpack(keys, from, to))
  if there == to - from + 1 then
    for i = from, to do see(found[2 * i - 1], found[2 * i]) end
  elseif from == to then
    see_end(found[2 * from - 1], found[2 * from])
  else
    local middle = math.floor((from + to) / 2)
    look(from, middle)
    look(middle + 1, to)
  end
end

for from = 1, #keys, MOST_KEYS do look(from, math.min(from + MOST_KEYS - 1, #keys)) end
if flush_lanes() then publish(int(now)) end
flush_events(now)
local is_done = left > 0 and #over == 0 -- with this page
local is_any = #keys > 0 or cursor ~= '0'
return { int(now), is_done and cursor or arg.cursor, left > 0 and 0 or 1, announced, over, is_any and 1 or 0 }
