-- Which pauses there are of those that could hold back a run, and what their keys say: lib/pauses.lua. Writes nothing.

local pause_seen = {} -- name -> whether it is paused
local MOST_KEYS = 7000 -- that one call is handed

local look_at_pauses
do
  -- Which of these keys there are: one call where it is none of them, or all.
  local function look_at_keys(names, keys, from, to)
    local found = redis.call('EXISTS', unpack(keys, from, to))
    if found == 0 then return end
    if found == to - from + 1 then
      for i = from, to do pause_seen[names[i]] = true end
      return
    end
    local middle = math.floor((from + to) / 2)
    look_at_keys(names, keys, from, middle)
    look_at_keys(names, keys, middle + 1, to)
  end

  -- Looks at those pauses that have not been looked at in this step.
  function look_at_pauses(names)
    local unknown, keys = {}, {}
    for _, name in ipairs(names) do
      if pause_seen[name] == nil then
        pause_seen[name] = false
        unknown[#unknown + 1] = name
        keys[#keys + 1] = arg.prefix .. 'pause:' .. name
      end
    end
    for from = 1, #keys, MOST_KEYS do look_at_keys(unknown, keys, from, math.min(from + MOST_KEYS - 1, #keys)) end
  end
end

local function add_pauses_of_job(names, job, record)
  names[#names + 1] = 'job:' .. job
  if record.extras == '' then return end
  for tag in string.gmatch(extra(record, 'tg') or '', '[^,]+') do names[#names + 1] = 'tag:' .. tag end
end

local function add_pauses_of_lane(names, record)
  names[#names + 1] = 'queue:' .. record.queue
  names[#names + 1] = 'task:' .. record.task
end

-- The name of the pause that holds everything, or a run's queue or task, of those that were looked at; nil: none.
local function pause_of_lane(record)
  if pause_seen.all then return 'all' end
  if pause_seen['queue:' .. record.queue] then return 'queue:' .. record.queue end
  if pause_seen['task:' .. record.task] then return 'task:' .. record.task end
  return nil
end

-- The same of the job, or one of its tags.
local function pause_of_job(job, record)
  if pause_seen['job:' .. job] then return 'job:' .. job end
  for tag in string.gmatch(extra(record, 'tg') or '', '[^,]+') do
    if pause_seen['tag:' .. tag] then return 'tag:' .. tag end
  end
  return nil
end

-- What a pause's key says: `<end, 0 if it has none> <value>`, the value as JSON, cut where it is longer than one of ours can be.
local function pause_text(name)
  local pause = arg.prefix .. 'pause:' .. name
  local value = redis.call('TYPE', pause).ok == 'string' and redis.call('GETRANGE', pause, 0, 8191) or ''
  return int(math.max(redis.call('PEXPIRETIME', pause), 0)) .. ' ' .. cjson.encode(value)
end
