-- Jobs by id, all at one moment: a list a kind of what is known of them, empty where it has nothing of any, their next fire times that are written
-- already, and the pauses that hold back any of them. Writes nothing.
local ids, names, upcoming, lanes = {}, { 'all' }, {}, {}
for job in each(list.jobs) do ids[#ids + 1] = job end

local function known(command, name)
  local found = redis.call('EXISTS', key[name]) == 1 and redis.call(command, key[name], unpack(ids)) or {}
  for i = 1, #found do if found[i] then return found end end
  return {}
end

local records = known('HMGET', 'jobs')
local answer = { records }
for _, name in ipairs({ 'state', 'running', 'counts', 'exhaustion', 'setOf', 'failing' }) do answer[#answer + 1] = known('HMGET', name) end
for _, name in ipairs({ 'due', 'frozen', 'parked' }) do answer[#answer + 1] = known('ZMSCORE', name) end
local has_unstarted, after = redis.call('EXISTS', key.unstarted) == 1, '@' .. string.format('%013.0f', tonumber(arg.now))
for i, text in ipairs(records) do
  local job, record = ids[i], text and parse(text)
  if record then
    if not lanes[record.lane] then add_pauses_of_lane(names, record) end
    lanes[record.lane] = true
    add_pauses_of_job(names, job, record)
  elseif text then names[#names + 1] = 'job:' .. job end
  upcoming[i] = text and has_unstarted and redis.call('ZRANGEBYLEX', key.unstarted, '(' .. job .. after, '(' .. job .. '@~', 'LIMIT', 0, 1)[1] or false
end
for i = 1, #upcoming do if upcoming[i] then answer[11] = upcoming break end end
answer[11] = answer[11] or {}
answer[12] = lines_of_pauses(names)
return answer
