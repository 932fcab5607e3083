-- In the home of a scope: learns what borrowers have (`reports`), lends what is free to those who wait for places, the one first that has waited longest, and calls
-- places from those who have more than their share. `asker`, a partition, or nobody (`how` g): w: it waits for up to `want` places; s: it does not wait.
local now = clock()
local own, count = string.match(arg.partition, '^(%d+)/(%d+)$')
own, count = tonumber(own), tonumber(count)
local name, max, asker, want = arg.prefix .. 'lent:' .. arg.scope, tonumber(arg.max), tonumber(arg.asker), tonumber(arg.want)
step.begin()
local fields, history = lending.read(name), lending.history()

local numbers = {} -- partition -> lent, called, settled, at
for field, text in pairs(fields) do
  local lent, called, settled, at = string.match(text, '^(%d+) (%d+) (%d+) (%d+)$')
  if lent and tonumber(field) then
    numbers[tonumber(field)] = { lent = tonumber(lent), called = tonumber(called), settled = tonumber(settled), at = tonumber(at) }
  end
end

local told, reported = {}, 0 -- partition -> what it says
for partition, text in each(list.reports) do
  local received, called, returned, at, of, is_old = string.match(text, '^(%d+) (%d+) (%d+) (%d+) (%S+) ([01])$')
  local other = tonumber(partition)
  if received and other and other ~= own and other < count then
    told[other] = { received = tonumber(received), called = tonumber(called), returned = tonumber(returned), time = at .. ':' .. of, is_old = is_old == '1' }
    reported = reported + 1
    local of_it = numbers[other]
    if not of_it and told[other].received > 0 then
      of_it = { lent = 0, called = 0, settled = 0, at = 0 }
      numbers[other] = of_it
    end
    if of_it then
      of_it.lent = math.max(of_it.lent, told[other].received)
      of_it.settled = math.max(of_it.settled, told[other].returned)
      of_it.called = math.max(of_it.called, told[other].called, of_it.settled)
    end
  end
end

-- What was lent may have been forgotten with the last master: all others are asked, by whoever knows that this is the one.
local is_known = fields.history == history or (next(fields) == nil and not lending.may_be_forgotten(now))
if not is_known and (arg.history ~= history or reported < count - 1) then
  local visits = {}
  for other = 0, count - 1 do
    if other ~= own then visits[#visits + 1] = tostring(other); visits[#visits + 1] = '-' end
  end
  return { int(now), 'recount', history, visits, '0', {} }
end

-- Who waits: since when, and for how many.
local waiters, asking = {}, nil
for partition, since, asked, places, time in string.gmatch(fields.waits or '', '(%d+):(%d+):(%d+):(%d+):(%S+)') do
  local one = { partition = tonumber(partition), since = tonumber(since), asked = tonumber(asked), want = tonumber(places), time = time, got = 0 }
  if one.asked > now - 2000 then waiters[#waiters + 1] = one end
  if one.partition == asker then asking = one end
end
if asker and arg.how ~= 'g' then
  if not asking or asking.asked <= now - 2000 then
    asking = { partition = asker, since = arg.how == 'w' and now or math.huge, got = 0 }
    waiters[#waiters + 1] = asking
  end
  asking.asked, asking.want, asking.time = now, want, told[asker] and told[asker].time or '-'
end
table.sort(waiters, function(one, other)
  if one.since == other.since then return one.partition < other.partition end
  return one.since < other.since
end)

local out = 0
for _, of_it in pairs(numbers) do out = out + of_it.lent - of_it.settled end
local kept, till = string.match(fields.keeps or '', '^(%d+) (%d+)$')
kept, till = tonumber(kept or 0), tonumber(till or 0)
if till <= now then kept = 0 end
local free = max - out - math.max(lending.used(arg.scope, tonumber(arg.per), now), 0) - kept

-- One each in turn, as long as there are any.
local goes_on = true
while free > 0 and goes_on do
  goes_on = false
  for _, one in ipairs(waiters) do
    if free > 0 and one.got < one.want then
      one.got, free, goes_on = one.got + 1, free - 1, true
    end
  end
end

local given, new_of = {}, {} -- partition -> whether it is to hear of its numbers; the time that it told last
for _, one in ipairs(waiters) do
  if one.got > 0 and one.partition == own then
    kept, till = kept + one.got, now + lending.TURN
    lending.wake(one.got, now)
  elseif one.got > 0 then
    -- The first number is above all that there were before, should they have been forgotten.
    local of_it = numbers[one.partition] or { lent = now * 1000, called = now * 1000, settled = now * 1000 }
    numbers[one.partition] = of_it
    of_it.lent, of_it.at = of_it.lent + one.got, now
    out = out + one.got
    given[one.partition], new_of[one.partition] = true, one.time
  end
end

-- Those who got none are to get some of those who have more. Each gives as long as it has more than the one that waits would have, or that one has none at all;
-- what was lent only now is left for a while, so that it is used.
local has, calls, total = { [own] = max - out }, { [own] = 0 }, 0
for partition, of_it in pairs(numbers) do
  has[partition], calls[partition] = of_it.lent - of_it.settled, 0
end
local function giver_for(one)
  local best
  for partition = 0, count - 1 do
    local places = has[partition] or 0
    local mine = (has[one.partition] or 0) + (one.promised or 0)
    local is_called = numbers[partition] and numbers[partition].called - numbers[partition].settled > calls[partition]
    local is_new = (numbers[partition] and numbers[partition].at > now - lending.TURN) or (partition == own and till > now)
    if partition ~= one.partition and places > 0 and (mine == 0 or places > mine + 1) and (is_called or not is_new)
      and (not best or places > has[best] or (places == has[best] and is_called)) then
      best = partition
    end
  end
  return best
end
local needed, unserved, goes_on_calling = 0, {}, true
for _, one in ipairs(waiters) do
  if one.got == 0 then
    needed = needed + one.want
    if one.since ~= math.huge then unserved[#unserved + 1] = one end
  end
end
while goes_on_calling and total < 100 do
  goes_on_calling = false
  for _, one in ipairs(unserved) do
    local giver = (one.promised or 0) < one.want and giver_for(one)
    if giver then
      has[giver], calls[giver], one.promised = has[giver] - 1, calls[giver] + 1, (one.promised or 0) + 1
      total, goes_on_calling = total + 1, true
    end
  end
end
for partition, of_it in pairs(numbers) do
  of_it.called = math.max(of_it.called, of_it.settled + calls[partition])
end

-- Who is to be asked now for what is not in use; every so often only, unless somebody does not wait.
local in_a_hurry = asking ~= nil and asking.got == 0 and asking.since == math.huge
local is_time, visits = tonumber(fields.visited or 0) <= now - lending.TURN, {}
if arg.last ~= '1' and (in_a_hurry or (#unserved > 0 and is_time)) then
  for partition, of_it in pairs(numbers) do
    if of_it.lent > of_it.settled and not told[partition] then
      visits[#visits + 1] = tostring(partition)
      visits[#visits + 1] = int(of_it.called)
    end
  end
  if #unserved > 0 then fields.visited = int(now) end
end

local state = 'waits'
if not asking or asking.got > 0 or arg.how == 'g' then state = 'served'
elseif in_a_hurry and #visits == 0 then state = 'none' end
if state == 'none' and asker == own then
  fields.none = int(now + 5 * lending.TURN)
  lending.wake(100, now)
end

for partition, says in pairs(told) do
  local of_it = numbers[partition]
  if says.is_old or (of_it and (of_it.lent > says.received or of_it.called > says.called or of_it.settled > says.returned)) then
    given[partition], new_of[partition] = true, says.time
  end
end
local items, news, is_even = { 'history', history, 'max', int(max), 'owes', int(calls[own]), 'keeps', int(kept) .. ' ' .. int(till) }, {}, true
local function keep(field, text) items[#items + 1] = field; items[#items + 1] = text end
for partition, of_it in pairs(numbers) do
  keep(tostring(partition), table.concat({ int(of_it.lent), int(of_it.called), int(of_it.settled), int(of_it.at) }, ' '))
  if of_it.lent > of_it.settled then is_even = false end
end
for partition in pairs(given) do
  local of_it = numbers[partition] or { lent = 0, called = 0, settled = 0 }
  news[#news + 1] = tostring(partition)
  news[#news + 1] = table.concat({ int(of_it.lent), int(of_it.called), int(of_it.settled), (string.gsub(new_of[partition], ':', ' ')) }, ' ')
end
local waits = {}
for _, one in ipairs(unserved) do
  waits[#waits + 1] = table.concat({ one.partition, int(one.since), int(one.asked), int(one.want), one.time }, ':')
end
keep('waits', table.concat(waits, ' '))
if fields.visited then keep('visited', fields.visited) end
if fields.none then keep('none', fields.none) end
if asking and asking.partition == own and asking.got > 0 then keep('asked', '0') end
lending.write(name, items, is_even)
return { int(now), state, history, visits, int(needed), news }
