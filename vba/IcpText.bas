Attribute VB_Name = "IcpText"
Option Explicit

' Pure functions over texts, so that they can be tested without Excel.

' The Python command behind a button; an action is letters and underscores only.
Public Function IcpCommand(ByVal action As String) As String
    IcpCommand = "from icp_xl.excel import macros; macros.run('" & IcpWord(action) & "')"
End Function

' The Python command that fetches the result of a job.
Public Function IcpFetchCommand(ByVal job As String) As String
    IcpFetchCommand = "from icp_xl.excel import macros; macros.fetch('" & IcpWord(job) & "')"
End Function

' Letters, digits, underscores and hyphens of a text; nothing else ever reaches a command line.
Public Function IcpWord(ByVal text As String) As String
    Dim i As Long
    Dim letter As String
    For i = 1 To Len(text)
        letter = Mid$(text, i, 1)
        If InStr(1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", letter, vbBinaryCompare) > 0 Then
            IcpWord = IcpWord & letter
        End If
    Next i
End Function

Public Function IcpBusyText(ByVal action As String) As String
    IcpBusyText = "ICP: " & Replace(IcpWord(action), "_", " ") & " ..."
End Function

' First line of an error, cut to what a message box can show; a traceback's last line says what happened.
Public Function IcpSentence(ByVal text As String) As String
    Dim lines As Variant
    Dim i As Long
    text = Replace(text, vbCr, "")
    lines = Split(text, vbLf)
    If InStr(text, "Traceback") > 0 Then
        For i = UBound(lines) To 0 Step -1
            If Len(Trim$(lines(i))) > 0 And Left$(lines(i), 5) <> "Press" Then
                IcpSentence = Left$(Trim$(lines(i)), 250)
                Exit Function
            End If
        Next i
    End If
    For i = 0 To UBound(lines)
        If Len(Trim$(lines(i))) > 0 Then
            IcpSentence = Left$(Trim$(lines(i)), 250)
            Exit Function
        End If
    Next i
    IcpSentence = "Python could not be reached. Run: icp-xl addin doctor"
End Function

' First line of a status file: the state.
Public Function IcpStateOf(ByVal status As String) As String
    IcpStateOf = IcpLine(status, 0)
End Function

' Second line of a status file: the text of the status bar.
Public Function IcpStatusLine(ByVal status As String) As String
    IcpStatusLine = Left$(IcpLine(status, 1), 240)
End Function

Private Function IcpLine(ByVal text As String, ByVal place As Long) As String
    Dim lines As Variant
    text = Replace(text, vbCr, "")
    If Len(text) = 0 Then Exit Function
    lines = Split(text, vbLf)
    If UBound(lines) >= place Then IcpLine = Trim$(lines(place))
End Function

Public Function IcpHasEnded(ByVal state As String) As Boolean
    IcpHasEnded = (state = "succeeded" Or state = "failed" Or state = "cancelled" Or state = "crashed")
End Function

' Whether a list of names, each followed by a bar, holds a name.
Public Function IcpHolds(ByVal names As String, ByVal name As String) As Boolean
    IcpHolds = InStr(1, "|" & names, "|" & name & "|", vbBinaryCompare) > 0
End Function

' Whether a formula calls one of our functions.
Public Function IcpUsesUs(ByVal formula As Variant) As Boolean
    If VarType(formula) <> vbString Then Exit Function
    If Left$(formula, 1) <> "=" Then Exit Function
    IcpUsesUs = InStr(1, formula, "ICP_", vbTextCompare) > 0
End Function

' Whether any formula of a block does.
Public Function IcpAnyUsesUs(ByRef formulas As Variant) As Boolean
    Dim item As Variant
    For Each item In formulas
        If IcpUsesUs(item) Then
            IcpAnyUsesUs = True
            Exit Function
        End If
    Next item
End Function
