-- Jobs by id, all at one moment: a list a kind of what is known of them, empty where it has nothing of any, their next fire times that are written
-- already, and the pauses that hold back any of them. Writes nothing.
local ids, names, upcoming = {}, { 'all' }, {}
for job in each(list.jobs) do ids[#ids + 1] = job end

local function unless_empty(found)
  for i = 1, #found do if found[i] then return found end end
  return {}
end

local records = redis.call('HMGET', key.jobs, unpack(ids))
local answer = { records }
for _, name in ipairs({ 'state', 'running', 'counts', 'exhaustion', 'setOf', 'failing' }) do
  answer[#answer + 1] = unless_empty(redis.call('HMGET', key[name], unpack(ids)))
end
for _, name in ipairs({ 'due', 'frozen', 'parked' }) do
  answer[#answer + 1] = unless_empty(redis.call('ZMSCORE', key[name], unpack(ids)))
end
for i, job in ipairs(ids) do
  upcoming[i] = records[i] and redis.call('ZRANGEBYLEX', key.unstarted, '(' .. job .. '@' .. padded(tonumber(arg.now)), '(' .. job .. '@~', 'LIMIT', 0, 1)[1] or false
  local record = records[i] and parse(records[i])
  if record then
    add_pauses_of_lane(names, record)
    add_pauses_of_job(names, job, record)
  elseif records[i] then names[#names + 1] = 'job:' .. job end
end
answer[#answer + 1] = unless_empty(upcoming)
answer[#answer + 1] = lines_of_pauses(names)
return answer
