-- Jobs by id, all at one moment: a list a kind of what is known of them, empty where it has nothing of any, their next fire times that are written
-- already, and the pauses that hold back any of them. Writes nothing.
local ids = {}
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

-- The next run of each that is written; nothing where no run of any is.
local function upcoming()
  if redis.call('EXISTS', key.unstarted) == 0 then return {} end
  local after, runs, found = '@' .. string.format('%013.0f', tonumber(arg.now)), {}, false
  for i, text in ipairs(records) do
    runs[i] = text and redis.call('ZRANGEBYLEX', key.unstarted, '(' .. ids[i] .. after, '(' .. ids[i] .. '@~', 'LIMIT', 0, 1)[1] or false
    found = found or runs[i]
  end
  return found and runs or {}
end

-- The names of the pauses that hold back any, but for those of the jobs themselves; and of those that are jobs, the keys of their own.
local function pauses_of()
  local names, seen, own, prefix = { 'all' }, {}, {}, arg.prefix .. 'pause:job:'
  for i, text in ipairs(records) do
    if text then
      own[#own + 1] = prefix .. ids[i]
      local record = head_of(text)
      if record and not seen[record] then
        seen[record] = true
        add_pauses_of_lane(names, record)
        for tag in string.gmatch(extra(record, 'tg') or '', '[^,]+') do names[#names + 1] = 'tag:' .. tag end
      end
    end
  end
  return names, own
end

local names, own = pauses_of()
-- Hardly any job has a pause of its own: which ones do is asked only where some do.
if #own > 0 and redis.call('EXISTS', unpack(own)) > 0 then
  for i, text in ipairs(records) do if text then names[#names + 1] = 'job:' .. ids[i] end end
end
answer[11] = upcoming()
answer[12] = lines_of_pauses(names)
return answer
