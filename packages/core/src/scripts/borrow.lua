-- In a partition that borrows places of a scope: takes what its home lent it, and gives back places that are not in use. `news`: `<lent> <called> <settled> <time>
-- <history>`, as the home has them, with this partition's own time and history from before the home was asked; what is older than a minute, or of another
-- history, is not believed: what it tells of may have been forgotten here. Without news it is asked for places: those for which it is `called`, and `need` more;
-- or it is counted (`called` -), by a home that may have forgotten what it lent: what was said before that is not believed any more either.
local now = clock()
local name = arg.prefix .. 'borrowed:' .. arg.scope
step.begin()
local fields = lending.read(name)
local is_there, per = next(fields) ~= nil, tonumber(arg.per)
for _, number in ipairs({ 'received', 'called', 'returned' }) do fields[number] = fields[number] or '0' end

local function larger(field, text) fields[field] = int(math.max(tonumber(fields[field]), tonumber(text))) end
local function left() return tonumber(fields.received) - math.max(tonumber(fields.called), tonumber(fields.returned)) end

local has_come = false
local lent, called, settled, at, history = string.match(arg.news, '^(%d+) (%d+) (%d+) (%d+) (%S+)$')
if lent and history == lending.history() and tonumber(at) > math.max(now - 60000, tonumber(fields.counted or 0)) then
  fields.max = int(left() > 0 and math.max(tonumber(fields.max or 0), tonumber(arg.max)) or tonumber(arg.max))
  has_come = tonumber(lent) > math.max(tonumber(fields.received), tonumber(settled))
  larger('received', lent)
  larger('called', called)
  larger('returned', settled)
  fields.history, is_there = history, true
  if has_come then
    fields.fresh = int(now + lending.TURN)
    redis.call('HDEL', name, 'asked')
  end
end

-- What is said by what was counted is of a moment later than all that was said before, also if it is counted twice in a millisecond.
local told_at = now
if arg.called == '-' then
  local counted = math.max(now, tonumber(fields.counted or 0) + 1)
  fields.counted, is_there, told_at = int(counted), true, counted + 1
end
local used = lending.used(arg.scope, per, now)
if is_there then
  local calls = tonumber(arg.called)
  if calls and calls <= tonumber(fields.received) then larger('called', arg.called) end
  local need = tonumber(arg.need)
  if fields.fresh and tonumber(fields.fresh) > now then need = 0 end
  lending.give_back(fields, used, need)
end
local is_none = arg.none == '1'
if is_none then fields.none, is_there = int(now + 5 * lending.TURN), true end
if is_there then
  local items = { 'history', fields.history or lending.history() }
  for _, field in ipairs({ 'received', 'called', 'returned', 'max', 'fresh', 'none', 'counted' }) do
    if fields[field] then items[#items + 1] = field; items[#items + 1] = fields[field] end
  end
  lending.write(name, items, fields.received == fields.returned)
end
if has_come or is_none then lending.wake(is_none and 100 or left() - used, now) end
return { int(now), lending.report(fields, told_at) }
